"""From a situation to an answer: the plan, the evidence, the statements."""
