"""`upshot sync`: what an application's own database says, as events."""
