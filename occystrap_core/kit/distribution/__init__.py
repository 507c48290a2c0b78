"""The client side of the OCI distribution protocol: what registry plugins share."""
