"""Being told: what happens on pages is posted, run or called, when a hook asks for it."""
