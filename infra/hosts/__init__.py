"""Machines and Ansible: the only place that knows systemd-nspawn, SSH and ansible-runner."""
