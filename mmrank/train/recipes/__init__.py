"""One recipe per published system, and our own: a YAML file with every hyper-parameter, and a module that trains."""
