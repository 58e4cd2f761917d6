"""The hospital's side: receives, decrypts, verifies and stores records, and answers with signed receipts."""
