"""Floor 1: who acts. The actors know the stores by their protocols, and nothing of the runtime."""
