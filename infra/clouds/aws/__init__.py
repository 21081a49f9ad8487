"""A lab's ground on AWS. `ground.AwsGround` is the whole of it; everything else is a part."""
