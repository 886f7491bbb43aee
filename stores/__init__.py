"""Floor 0: what lasts. The stores know neither actors nor the runtime."""
