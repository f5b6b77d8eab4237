"""Servers around the peers' libraries. They do no more than their documentation's examples: join rooms, deliver."""
