"""Whether an installation is well, and what to send along when it is not.

`cupola doctor` looks at everything around the program that it depends on, and says what to do;
`cupola support-bundle` packs that together with what a running server says of itself, without
secrets. Nothing here changes anything. Begin with `examination`.
"""
