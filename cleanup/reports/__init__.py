"""What is read off a journal: the run's document, its text for a person, and the tables of its entries."""
