"""What a person at a bench runs: a site's authority and broker files, a unit's identity and birth record, officers.

Nothing here runs on a ward. The command is ``vernix-provision``; README.md says who may hold which file.
"""
