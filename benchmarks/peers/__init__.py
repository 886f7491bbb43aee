"""What a user would pick instead of Twofold, under the same orders; see README.md."""
