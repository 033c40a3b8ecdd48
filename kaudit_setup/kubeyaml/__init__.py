"""YAML as kube-apiserver understands it: go-yaml v2, of which sigs.k8s.io/yaml makes JSON.

ruamel.yaml answers another question ("what does this YAML mean?"). Here the question is which bytes go-yaml v2
accepts and what it makes of them, and its scanner is neither YAML 1.1 nor 1.2: tabs after a colon are fine, `y` is
true, `a: b: c` has its own error, a `%YAML 1.2` directive is refused, an invalid byte after the first document is
seen only if it lies in a block of 512 bytes that the reader had to open. So its states are followed one by one.

Source: vendor/gopkg.in/yaml.v2 of Kubernetes 1.20 (2.2.8), {readerc,scannerc,parserc,decode,resolve}.go, which is
itself a port of libyaml (Copyright (c) 2006 Kirill Simonov, MIT; Copyright 2011-2016 Canonical Ltd., Apache-2.0);
later versions read the same files.
"""

from kaudit_setup.kubeyaml.compose import Composed, compose
from kaudit_setup.kubeyaml.reader import GoYamlError

__all__ = ["Composed", "GoYamlError", "compose"]
