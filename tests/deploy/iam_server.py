"""A moto server that asks IAM's policies who may do what, once it is told to: `POST /moto-api/reset-auth`.

It takes any signature, as moto computes others than S3 does of some requests, and asks of the deletion of
many objects whether an object of the bucket may be deleted, where moto asks it of the bucket itself.
"""

from moto import server
from moto.iam.access_control import IAMRequestBase

_check = IAMRequestBase.check_action_permitted


def _check_of_an_object(request: IAMRequestBase, resource: str) -> None:
    is_of_many = request._action == "s3:DeleteObject" and "/" not in resource
    _check(request, f"{resource}/any" if is_of_many else resource)


if __name__ == "__main__":
    IAMRequestBase.check_signature = lambda _: None
    IAMRequestBase.check_action_permitted = _check_of_an_object
    server.main()
