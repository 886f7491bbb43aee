"""`twofold verify`: each store for itself, and all of them held against one another."""
