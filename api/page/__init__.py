"""The page for people: files that were built from `source` beforehand, served from memory.

`built` is what vite makes of `source`; both are committed, so no one needs Node to run Cupola.
Everything that the page shows it asks of the API, as any other client does, with the rights of
whoever sits before it; the files are the same for everyone and say nothing of data. Begin with
`routes`; in the browser, with `source/src/main.tsx`.
"""
