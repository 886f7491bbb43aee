"""A small mail-order shop, written to be read: it shows each thing that Twofold does for a domain once."""
