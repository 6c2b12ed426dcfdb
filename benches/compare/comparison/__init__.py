"""Times the convolutions of this crate and of other libraries against each other."""
