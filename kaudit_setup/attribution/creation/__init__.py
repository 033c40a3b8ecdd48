"""The request that created one object: the one that names it or, where the server made up its name, that fits it.

At level Metadata and Request, the create of an object with a generated name does not hold that name. Which of the
creates without a name it was is told by the controllers' naming, by their order, and by what met the object first.
"""
