"""What `scripts/scale` measures: plans of more and more instances, a large purge, starts of whole processes."""
