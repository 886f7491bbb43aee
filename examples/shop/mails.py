"""The e-mails: a confirmation of each order and a notice of each return, to customers who gave their name.

A rebuild never sends one again: a function here runs once for each event, before the ledger, and the ledger remembers.
"""

from html import escape

from twofold import Email, EventMeta, Retry

from .application import app
from .lines import Lines, total
from .orders import OrderPlaced
from .returns import ReturnAccepted

__all__ = ["order_confirmation", "refund_notice"]

SENDER = "The Shop <shop@example.com>"


@app.email("order-confirmation", retry=Retry("1s", "1h", attempts=20), concurrency=4, from_start=True)
def order_confirmation(event: OrderPlaced, meta: EventMeta) -> Email | None:
    """Thank for an order. A visitor who gave no name has no address either."""
    if event.customer is None:
        return None
    return _letter(event.customer, f"Your order {meta.key}", "Thank you for your order", event.lines)


@app.email("refund-notice", retry=Retry("1s", "1h", attempts=20), concurrency=4, from_start=True)
def refund_notice(event: ReturnAccepted, meta: EventMeta) -> Email | None:
    """Say what is paid back."""
    if event.customer is None:
        return None
    return _letter(event.customer, f"Your return {meta.key}", "We have received your return", event.lines)


def _letter(customer: str, subject: str, greeting: str, lines: Lines) -> Email:
    amount = f"{total(lines):f}"
    rows = [(f"{line.quantity}", line.sku, f"{line.unit_price:f}") for line in lines]
    text = "\n".join(f"{quantity:>6} x {sku:<12} {price:>10}" for quantity, sku, price in rows)
    table = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return Email(
        to=f"customer-{customer}@example.com",
        sender=SENDER,
        subject=subject,
        text=f"{greeting}.\n\n{text}\n\nTotal: {amount} GBP\n",
        html=f"<p>{greeting}.</p><table>{table}</table><p>Total: {amount} GBP</p>",
    )
