"""YAML and JSON text as Kubernetes' Go libraries read it: go-yaml v2, of which sigs.k8s.io/yaml makes JSON.

ruamel.yaml answers another question ("what does this YAML mean?"). Here the question is which bytes Kubernetes
accepts and what it makes of them, and that is neither YAML 1.1 nor 1.2: a tab after a colon is fine, `y` is true, a
`%YAML 1.2` directive is refused, and an invalid byte behind the first document counts only if it lies in a block of
512 bytes that the reader had to open. The grammar is libyaml's (`events`); the meaning is followed here, after
vendor/gopkg.in/yaml.v2 of Kubernetes 1.20, {decode,resolve}.go (`compose`, `resolve`).
"""

from kaudit_setup.kubeyaml.compose import Composed, compose
from kaudit_setup.kubeyaml.reader import GoYamlError

__all__ = ["Composed", "GoYamlError", "compose"]
