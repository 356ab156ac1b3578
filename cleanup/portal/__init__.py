"""All that talks to a portal: errors, wire (pure), pacing (the one place that waits), auth, transport, client."""
