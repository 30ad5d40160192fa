"""Tests of agentflow.llm."""
