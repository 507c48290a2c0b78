.PHONY: demo test lint bench clean

demo test lint bench clean:
	@./dev $@
