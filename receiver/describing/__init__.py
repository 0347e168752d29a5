"""What the command line is, for others than the program: a manual page, and completion in shells.

Everything is made from the parser of the command line, so that nothing can be forgotten. Begin with
`commands`, which turns the parser into plain data; `man_page` and `completion` write it down.
"""
