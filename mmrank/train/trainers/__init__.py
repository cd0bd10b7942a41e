"""What recipes share: settings, examples, trainers and their scorers, adapters, and the folder of a run."""
