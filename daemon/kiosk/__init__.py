"""The screen: a page served on localhost, told of every change, and the touches that come back as events."""
