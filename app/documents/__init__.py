"""Documents on a node: collaborative editing by Yjs updates that are appended to the document's room.

A node never integrates what a client sent: it reads updates strictly, and merges them by functions that only decode
(archive/yjs). What others are shown is what the tail delivers, the sender's acknowledgement is the append.
"""
