"""Sources: where a company's tables come from, and how their columns become the contract's."""
