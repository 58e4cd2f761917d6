"""Documents whose chip the unit cannot read: by their machine-readable zone or typed by an officer.

Two officers always decide about one; nothing here ever leads to a pass.
"""
