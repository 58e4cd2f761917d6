"""What a record is and how it is proven: schema, chain, signer, envelope, receipts, verification.

Used by the unit, by the hospital's gateway and by anyone who checks either of them. Nothing here knows a device, a
model or a broker.
"""
