"""Rules for what lies on Azure."""
