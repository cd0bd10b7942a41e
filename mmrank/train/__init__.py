"""Training: objectives, rewards, data builders and one recipe per published system."""
