"""The soak: every kind of writer at once on one lake, killed now and then, and readers that check all they see."""
