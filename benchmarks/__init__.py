"""Measurements of Twofold against what the same machine can do without it; each prints ratios, for machines differ."""
