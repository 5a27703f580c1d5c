"""The fault suite: each fault is made to happen, is seen to have happened, and the doctor examines what is left."""
