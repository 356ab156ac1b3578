"""What scripts/bench is made of: scenarios and their bounds, clients, measures, and the pages they are told on."""
