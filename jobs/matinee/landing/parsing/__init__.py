"""Lines and rows of landing files as parsed rows: typed by the contract, or with the one reason why they are bad."""
