"""Check rules, one module and one entry point each."""
