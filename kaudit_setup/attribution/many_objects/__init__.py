"""Questions without the name of one object: who deleted Pods in a namespace, who ran commands anywhere.

`question` says what is meant, `collect` reads the log for it in constant memory, `causes` asks the rules of inference
who caused what controllers did, `answer` puts it together.
"""
