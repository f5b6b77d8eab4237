"""What is measured: us and the peers, each as a set of processes on a Valkey of its own."""
