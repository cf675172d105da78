mod hooks_fixtures;
