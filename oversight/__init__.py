"""What operators see: the state of the running system as frozen values, for the admin routes and the command line.

Everything is read when it is asked for, and every read is bounded, however many rooms there are.
"""
