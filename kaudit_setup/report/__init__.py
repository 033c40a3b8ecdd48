"""Values → text for people, documents for programs; the only place that renders.

Each module shows one kind of answer: `as_text` for people, types made from `Item` for programs (`documents`). What a
stranger may have written goes through `escape` before it is shown. `nodes`, `policy` and `questions` hold what is
said of each; `page` is the report as HTML.
"""
