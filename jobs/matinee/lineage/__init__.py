"""What OpenLineage is told: which snapshots each publication was made from, and what its audits said."""
