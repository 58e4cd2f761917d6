"""Paper at the end of a check: forms of what is in memory, to a printer over IPP. Nothing of it rests on a disk."""
