"""Delivery against real brokers that die, forget, crawl and lie: one set of cases, a matrix of what came of each."""
