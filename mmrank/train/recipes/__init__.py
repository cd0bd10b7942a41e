"""One recipe per published system, and ours: a YAML file with every hyper-parameter, a module that trains."""
