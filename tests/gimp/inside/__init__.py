"""What runs where GIMP is: functions that the tests call inside GIMP's Python, and scenarios that drive its windows.

GIMP's Python has the standard library, gi, and the folders of the plug-in; nothing of pytest or numpy.
"""
