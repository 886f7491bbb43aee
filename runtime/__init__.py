"""Floor 2: how it is put together and met. The runtime alone names an adapter."""
