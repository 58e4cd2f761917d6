"""Bad bytes from any wire, topic, form or file: only the named errors may come out, soon, and without filling memory.

``make test`` gives every decoder a few hundred inputs, ``make fuzz`` as many as fit into its budget.
"""
